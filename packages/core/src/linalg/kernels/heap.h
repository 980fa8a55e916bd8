// Memory of the kernels: one stack that grows upwards from the end of static data. The host resets it between calls.
#pragma once
#include <stddef.h>

typedef unsigned char byte;

size_t heapMark(void);
void heapRelease(size_t mark);
/** `count` doubles, 16-byte aligned, not cleared. Traps where memory ends. */
double *heapDoubles(size_t count);
/** `count` ints, 16-byte aligned, not cleared. */
int *heapInts(size_t count);
