#include "eigh.h"
#include "divide.h"
#include "heap.h"
#include "simd.h"
#include "tridiagonalize.h"

static double largestUpper(int n, const double *a) {
  double most = 0;
  for (int i = 0; i < n; i++) {
    for (int j = i; j < n; j++) most = larger(most, absolute(a[i * n + j]));
  }
  return most;
}

static void identityRows(int n, double *rows) {
  zero(rows, n * n);
  for (int i = 0; i < n; i++) rows[i * n + i] = 1;
}

int eigh(int n, double *a, double *values, double *rows) {
  const double scale = powerNear(largestUpper(n, a));
  if (scale == 0) {
    zero(values, n);
    identityRows(n, rows);
    return 0;
  }
  const size_t mark = heapMark();
  double *coupling = heapDoubles(n), *tau = heapDoubles(n);
  for (int i = 0; i < n; i++) scaleBy(scale, a + i * n + i, n - i);
  tridiagonalize(n, a, values, coupling, tau);
  const int failed = tridiagonalEigen(n, values, coupling, rows);
  if (!failed) backTransform(n, a, tau, rows);
  scaleBy(1 / scale, values, n);
  heapRelease(mark);
  return failed;
}
