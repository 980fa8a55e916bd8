// By halving: L = [L₁₁ 0; L₂₁ L₂₂], so that nearly all work is gemm.
//
// Source: Elmroth, Gustavson, Jonsson & Kågström (2004), Recursive blocked algorithms, SIAM Review 46(1).
#include "triangular.h"
#include "gemm.h"
#include "heap.h"
#include "simd.h"

enum { BASE = 24 };

/** A multiple of four, so that tiles fit. */
static int halfOf(int n) { return (n / 2 + 3) & ~3; }

void solveLower(int n, int k, const double *l, int stride, double *b, int bStride) {
  if (n <= BASE) {
    for (int i = 0; i < n; i++) {
      double *row = b + i * bStride;
      for (int p = 0; p < i; p++) axpy(-l[i * stride + p], b + p * bStride, row, k);
      const double pivot = l[i * stride + i];
      for (int j = 0; j < k; j++) row[j] /= pivot;
    }
    return;
  }
  const int h = halfOf(n);
  solveLower(h, k, l, stride, b, bStride);
  gemm(n - h, k, h, -1, plain(l + h * stride, stride), plain(b, bStride), b + h * bStride, bStride, ALL);
  solveLower(n - h, k, l + h * stride + h, stride, b + h * bStride, bStride);
}

void solveLowerTransposed(int n, int k, const double *l, int stride, double *b, int bStride) {
  if (n <= BASE) {
    for (int i = n - 1; i >= 0; i--) {
      double *row = b + i * bStride;
      const double pivot = l[i * stride + i];
      for (int j = 0; j < k; j++) row[j] /= pivot;
      for (int p = 0; p < i; p++) axpy(-l[i * stride + p], row, b + p * bStride, k);
    }
    return;
  }
  const int h = halfOf(n);
  solveLowerTransposed(n - h, k, l + h * stride + h, stride, b + h * bStride, bStride);
  gemm(h, k, n - h, -1, transposed(l + h * stride, stride), plain(b + h * bStride, bStride), b, bStride, ALL);
  solveLowerTransposed(h, k, l, stride, b, bStride);
}

void solveRows(int m, int n, const double *l, int stride, double *b, int bStride) {
  if (n <= BASE) {
    for (int i = 0; i < m; i++) {
      double *row = b + i * bStride;
      for (int j = 0; j < n; j++) row[j] = (row[j] - dot(l + j * stride, row, j)) / l[j * stride + j];
    }
    return;
  }
  const int h = halfOf(n);
  solveRows(m, h, l, stride, b, bStride);
  gemm(m, n - h, h, -1, plain(b, bStride), transposed(l + h * stride, stride), b + h, bStride, ALL);
  solveRows(m, n - h, l + h * stride + h, stride, b + h, bStride);
}

void invertLower(int n, const double *l, int stride, double *x, int xStride) {
  if (n <= BASE) {
    for (int i = 0; i < n; i++) {
      zero(x + i * xStride, n);
      x[i * xStride + i] = 1;
    }
    solveLower(n, n, l, stride, x, xStride);
    return;
  }
  // [L₁₁ 0; L₂₁ L₂₂]⁻¹ = [L₁₁⁻¹ 0; −L₂₂⁻¹ L₂₁ L₁₁⁻¹  L₂₂⁻¹]
  const int h = halfOf(n), rest = n - h;
  const size_t mark = heapMark();
  double *product = heapDoubles(rest * h), *corner = x + h * xStride;
  invertLower(h, l, stride, x, xStride);
  invertLower(rest, l + h * stride + h, stride, corner + h, xStride);
  zero(product, rest * h);
  gemm(rest, h, h, 1, plain(l + h * stride, stride), plain(x, xStride), product, h, ALL);
  for (int i = 0; i < rest; i++) zero(corner + i * xStride, h);
  gemm(rest, h, rest, -1, plain(corner + h, xStride), plain(product, h), corner, xStride, ALL);
  for (int i = 0; i < h; i++) zero(x + i * xStride + h, rest);
  heapRelease(mark);
}
