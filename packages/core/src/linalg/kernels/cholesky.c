#include "cholesky.h"
#include "gemm.h"
#include "heap.h"
#include "simd.h"
#include "triangular.h"

static int choleskyBase(int n, double *a, int stride) {
  for (int i = 0; i < n; i++) {
    double *row = a + i * stride;
    for (int j = 0; j < i; j++) row[j] = (row[j] - dot(row, a + j * stride, j)) / a[j * stride + j];
    const double pivot = row[i] - dot(row, row, i);
    if (!(pivot > 0)) return i;
    row[i] = squareRoot(pivot);
  }
  return -1;
}

int cholesky(int n, double *a, int stride) {
  if (n <= BASE) return choleskyBase(n, a, stride);
  const int h = halfOf(n);
  double *below = a + h * stride;
  const int first = cholesky(h, a, stride);
  if (first >= 0) return first;
  solveRows(n - h, h, a, stride, below, stride);
  gemm(n - h, n - h, h, -1, plain(below, stride), transposed(below, stride), below + h, stride, LOWER);
  const int second = cholesky(n - h, below + h, stride);
  return second < 0 ? second : h + second;
}

void choleskyInverse(int n, const double *l, double *x) {
  const size_t mark = heapMark();
  double *inverse = heapDoubles(n * n);
  invertLower(n, l, n, inverse, n);
  zero(x, n * n);
  gemm(n, n, n, 1, transposed(inverse, n), plain(inverse, n), x, n, LOWER); // L⁻ᵀ L⁻¹
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < i; j++) x[j * n + i] = x[i * n + j];
  }
  heapRelease(mark);
}
