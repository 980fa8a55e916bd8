// Householder reflections H = I − τ v vᵀ, one at a time and as blocks.
#pragma once

/** Turns x into v (v₀ = 1) of the reflection that takes x to β e₁; returns β. */
double reflector(double *x, int n, double *tau);

/** T [count, count], upper triangular, of H₀ H₁ … = I − Vᵀ T V; the v are rows of V [count, n], with their zeros. */
void compactReflectors(const double *v, int count, int n, const double *tau, double *t);

/**
 * rows [m, n] ← rows · Qᵀ (or rows · Q if `adjoint`) with Q = I − Vᵀ T V: every row, as a column, times Q (or Qᵀ).
 * `rows` are `stride` apart.
 */
void applyReflectors(double *rows, int m, int stride, const double *v, int count, int n, const double *t, int adjoint);
