// The left side grows from −∞ to ∞ between two poles. It is interpolated by a constant and the two nearest poles,
// which match value and slope of the sums on either side ("the middle way"); a bracket guards every step. Working
// relative to the nearer pole keeps the differences dᵢ − λ accurate.
//
// Source: Li (1993), Solving secular equations stably and efficiently, LAPACK Working Note 89.
#include "secular.h"
#include "simd.h"

typedef struct {
  double value, slope;
} Sum;

/** Σ zᵢ² / (sᵢ − μ) and its derivative, over from ≤ i < to. */
static Sum partOf(const double *shifted, const double *z, int from, int to, double mu) {
  pair value = both(0), slope = both(0);
  const pair at = both(mu);
  int i = from;
  for (; i + 2 <= to; i += 2) {
    const pair zi = loadPair(z + i), term = zi / (loadPair(shifted + i) - at);
    value += zi * term;
    slope += term * term;
  }
  Sum sum = {sumOf(value), sumOf(slope)};
  if (i < to) {
    const double term = z[i] / (shifted[i] - mu);
    sum.value += z[i] * term;
    sum.slope += term * term;
  }
  return sum;
}

/** The root of c x² − a x + b in (low, high), or the middle of that interval. */
static double rootBetween(double a, double b, double c, double low, double high) {
  const double discriminant = a * a - 4 * b * c;
  const double q = a + withSign(squareRoot(larger(discriminant, 0)), a);
  const double first = 2 * b / q, second = q / (2 * c);
  if (first > low && first < high) return first;
  if (second > low && second < high) return second;
  return 0.5 * (low + high);
}

typedef struct {
  int origin, split; // the pole that distances are taken from; the last pole left of the root's interpolation
  double low, high, guess;
} Search;

/** Between poles j and j + 1: which half the root is in decides the origin. */
static Search between(int j, int k, const double *d, const double *z, double rho, double *shifted) {
  const double gap = d[j + 1] - d[j], half = 0.5 * gap;
  for (int i = 0; i < k; i++) shifted[i] = d[i] - d[j];
  const double c = 1 / rho + partOf(shifted, z, 0, j, half).value + partOf(shifted, z, j + 2, k, half).value;
  const double left = z[j] * z[j], right = z[j + 1] * z[j + 1];
  if (c + (right - left) / half >= 0) {
    return (Search){j, j, 0, half, rootBetween(c * gap + left + right, left * gap, c, 0, half)};
  }
  return (Search){j + 1, j, -half, 0, rootBetween(left + right - c * gap, -right * gap, c, -half, 0)};
}

/** Right of the last pole, at most by ρ ‖z‖². */
static Search beyond(int k, const double *d, const double *z, double rho, double *shifted) {
  const double reach = rho * dot(z, z, k), gap = d[k - 1] - d[k - 2];
  for (int i = 0; i < k; i++) shifted[i] = d[i] - d[k - 1];
  const double c = 1 / rho + partOf(shifted, z, 0, k - 2, 0.5 * reach).value;
  const double left = z[k - 2] * z[k - 2], right = z[k - 1] * z[k - 1];
  return (Search){k - 1, k - 2, 0, reach, rootBetween(left + right - c * gap, -right * gap, c, 0, reach)};
}

double secularRoot(int j, int k, const double *d, const double *z, double rho, double *shifted, double *distance) {
  Search s = j < k - 1 ? between(j, k, d, z, rho, shifted) : beyond(k, d, z, rho, shifted);
  const int p = s.split;
  const double origin = d[s.origin];
  for (int i = 0; i < k; i++) shifted[i] = d[i] - origin;
  double mu = s.guess, before = __builtin_inf();
  for (int step = 0; step < 100; step++) {
    const Sum psi = partOf(shifted, z, 0, p + 1, mu), phi = partOf(shifted, z, p + 1, k, mu);
    const double f = 1 / rho + psi.value + phi.value, slope = psi.slope + phi.slope;
    const double size = 1 / rho + absolute(psi.value) + absolute(phi.value) + absolute(mu) * slope;
    if (absolute(f) <= 4 * EPSILON * size) break;
    if (f < 0) s.low = mu;
    else s.high = mu;
    const double left = shifted[p] - mu, right = shifted[p + 1] - mu;
    const double c = f - left * psi.slope - right * phi.slope;
    const double a = (left + right) * f - left * right * slope, b = left * right * f;
    double next = mu + rootBetween(a, b, c, s.low - mu, s.high - mu);
    const int slow = absolute(f) > 0.5 * before;
    if (slow || !(next > s.low && next < s.high)) next = 0.5 * (s.low + s.high);
    if (next == mu || next == s.low || next == s.high) break;
    before = slow ? __builtin_inf() : absolute(f);
    mu = next;
  }
  for (int i = 0; i < k; i++) distance[i] = shifted[i] - mu;
  return origin + mu;
}
