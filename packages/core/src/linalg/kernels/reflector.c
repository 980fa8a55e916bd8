// Blocks of Householder reflections are applied as two matrix products.
//
// Source: Schreiber & Van Loan (1989), A storage-efficient WY representation for products of Householder
// transformations, SIAM J. Sci. Stat. Comput. 10(1).
#include "reflector.h"
#include "gemm.h"
#include "heap.h"
#include "simd.h"

double reflector(double *x, int n, double *tau) {
  const double alpha = x[0], tail = dot(x + 1, x + 1, n - 1), sum = alpha * alpha + tail;
  if (sum < 1e-280 || sum > 1e280) {
    // Squares over- or underflow: the same for x times a power of two, unless x is zero or beyond all numbers.
    double most = 0;
    for (int i = 0; i < n; i++) most = larger(most, absolute(x[i]));
    if (most > 0 && most < __builtin_inf()) {
      const double scale = powerNear(most);
      scaleBy(scale, x, n);
      return reflector(x, n, tau) / scale;
    }
  }
  x[0] = 1;
  *tau = 0;
  if (tail == 0) return alpha;
  const double beta = -withSign(squareRoot(sum), alpha);
  *tau = (beta - alpha) / beta;
  scaleBy(1 / (alpha - beta), x + 1, n - 1);
  return beta;
}

void compactReflectors(const double *v, int count, int n, const double *tau, double *t) {
  const size_t mark = heapMark();
  double *gram = heapDoubles(count * count);
  zero(gram, count * count);
  gemm(count, count, n, 1, plain(v, n), transposed(v, n), gram, count, UPPER);
  zero(t, count * count);
  for (int j = 0; j < count; j++) {
    // T[:j, j] = −τⱼ T[:j, :j] (V[:j] vⱼ)
    for (int i = 0; i < j; i++) {
      double sum = 0;
      for (int p = i; p < j; p++) sum += t[i * count + p] * gram[p * count + j];
      t[i * count + j] = -tau[j] * sum;
    }
    t[j * count + j] = tau[j];
  }
  heapRelease(mark);
}

void applyReflectors(double *rows, int m, int stride, const double *v, int count, int n, const double *t, int adjoint) {
  const size_t mark = heapMark();
  double *along = heapDoubles(m * count), *turned = heapDoubles(m * count);
  zero(along, m * count);
  zero(turned, m * count);
  gemm(m, count, n, 1, plain(rows, stride), transposed(v, n), along, count, ALL);
  gemm(m, count, count, 1, plain(along, count), adjoint ? plain(t, count) : transposed(t, count), turned, count, ALL);
  gemm(m, n, count, -1, plain(turned, count), plain(v, n), rows, stride, ALL);
  heapRelease(mark);
}
