// A = L Lᵀ
#pragma once

/** Replaces the lower triangle of A [n, n] by L. Returns −1, or the pivot that was not positive. */
int cholesky(int n, double *a, int stride);
/** X [n, n] ← (L Lᵀ)⁻¹, both triangles. */
void choleskyInverse(int n, const double *l, double *x);
