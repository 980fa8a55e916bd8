#include "qr.h"
#include "heap.h"
#include "reflector.h"
#include "simd.h"

enum { QR_BLOCK = 32 };

/** The reflections first … first + count − 1 as rows of V [count, m − first], with zeros and ones written out. */
static void gatherReflections(int m, const double *rows, int first, int count, double *v) {
  const int width = m - first;
  zero(v, count * width);
  for (int p = 0; p < count; p++) {
    copy(rows + (first + p) * m + first + p, v + p * width + p, width - p);
    v[p * width + p] = 1;
  }
}

/** Reflects rows first … first + count − 1, one after the other. */
static void factorPanel(int m, double *rows, int first, int count, double *tau) {
  for (int c = first; c < first + count; c++) {
    double *v = rows + c * m + c;
    const double beta = reflector(v, m - c, tau + c);
    for (int r = c + 1; r < first + count; r++) {
      double *x = rows + r * m + c;
      axpy(-tau[c] * dot(v, x, m - c), v, x, m - c);
    }
    v[0] = beta;
  }
}

void qrFactor(int m, int n, double *rows, double *tau) {
  const size_t mark = heapMark();
  double *v = heapDoubles(QR_BLOCK * m), *t = heapDoubles(QR_BLOCK * QR_BLOCK);
  const int reflections = smallerInt(m, n);
  for (int first = 0; first < reflections; first += QR_BLOCK) {
    const int count = smallerInt(QR_BLOCK, reflections - first), next = first + count;
    factorPanel(m, rows, first, count, tau);
    if (next == n) break;
    gatherReflections(m, rows, first, count, v);
    compactReflectors(v, count, m - first, tau + first, t);
    applyReflectors(rows + next * m + first, n - next, m, v, count, m - first, t, 1);
  }
  heapRelease(mark);
}

void qrColumns(int m, int count, const double *rows, const double *tau, int columns, double *q) {
  const size_t mark = heapMark();
  double *v = heapDoubles(QR_BLOCK * m), *t = heapDoubles(QR_BLOCK * QR_BLOCK);
  zero(q, columns * m);
  for (int i = 0; i < columns; i++) q[i * m + i] = 1;
  for (int first = (count - 1) / QR_BLOCK * QR_BLOCK; first >= 0 && count > 0; first -= QR_BLOCK) {
    const int width = smallerInt(QR_BLOCK, count - first);
    gatherReflections(m, rows, first, width, v);
    compactReflectors(v, width, m - first, tau + first, t);
    applyReflectors(q + first, columns, m, v, width, m - first, t, 0);
  }
  heapRelease(mark);
}
