// Reduction of a symmetric matrix to tridiagonal form, and the way back.
#pragma once

/**
 * A = Q T Qᵀ. Reads the upper triangle of A [n, n] and leaves the reflections in it: v of column c in row c, from
 * column c + 1 on. T is `diagonal` [n] and `coupling` [n − 1]; `tau` [n − 1].
 */
void tridiagonalize(int n, double *a, double *diagonal, double *coupling, double *tau);

/** rows ← rows · Qᵀ: the eigenvectors of T (one a row of `rows` [n, n]) become those of A. */
void backTransform(int n, const double *reflections, const double *tau, double *rows);
