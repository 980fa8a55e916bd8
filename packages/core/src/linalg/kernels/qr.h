// A = Q R by Householder reflections, on the transpose: row j of `rows` is column j of A.
#pragma once

/**
 * rows [n, m] holds A [m, n] column by column. Leaves R's column j in row j up to the diagonal, and the reflections
 * behind it; `tau` [min(m, n)].
 */
void qrFactor(int m, int n, double *rows, double *tau);

/** The first `columns` columns of Q, one a row of q [columns, m], from `count` reflections. */
void qrColumns(int m, int count, const double *rows, const double *tau, int columns, double *q);
