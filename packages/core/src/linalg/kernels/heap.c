#include "heap.h"

extern byte __heap_base;
static size_t top = 0;

#define EXPORT(name) __attribute__((export_name(#name)))
static const size_t page = 65536;

static size_t aligned(size_t address) { return (address + 15) & ~(size_t)15; }

EXPORT(mark) size_t heapMark(void) {
  if (top == 0) top = aligned((size_t)&__heap_base);
  return top;
}

EXPORT(release) void heapRelease(size_t mark) { top = mark; }

/** Address of `bytes` new bytes. 64-bit arithmetic, so that a request beyond 4 GiB fails instead of wrapping. */
static size_t heapBytes(unsigned long long bytes) {
  const size_t start = heapMark();
  const unsigned long long end = start + bytes;
  const unsigned long long have = (unsigned long long)__builtin_wasm_memory_size(0) * page;
  if (end > 0xffffffffull) __builtin_trap();
  if (end > have && __builtin_wasm_memory_grow(0, (end - have + page - 1) / page) == (size_t)-1) __builtin_trap();
  top = aligned((size_t)end);
  return start;
}

EXPORT(doubles) double *heapDoubles(size_t count) { return (double *)heapBytes((unsigned long long)count * sizeof(double)); }
int *heapInts(size_t count) { return (int *)heapBytes((unsigned long long)count * sizeof(int)); }
