// Matrix products of row-major matrices.
#pragma once

/** A matrix, or its transpose, in memory: element (i, j) of op(M) is data[i·row + j·column]. */
typedef struct {
  const double *data;
  int row, column;
} View;

static inline View plain(const double *data, int stride) { return (View){data, stride, 1}; }
static inline View transposed(const double *data, int stride) { return (View){data, 1, stride}; }

/** Which part of C is wanted. Of a triangle, the tiles that lie wholly outside are skipped; others are written whole. */
typedef enum { ALL, LOWER, UPPER } Part;

/** C [m, n] += alpha · op(A) [m, k] · op(B) [k, n], rows of C `stride` apart. */
void gemm(int m, int n, int k, double alpha, View a, View b, double *c, int stride, Part part);
