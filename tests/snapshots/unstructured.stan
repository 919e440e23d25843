// y ~ x + unstr(visit, patient)
// family student (links mu: identity)
functions {
  /* Places of series with the same times behind one another: they are solved for together. */
  array[] int by_times(int n, array[] int like, array[] int begin, array[] int end) {
    array[n] int places;
    int at = 1;
    for (g in sort_indices_asc(like)) {
      int size = end[g] - begin[g] + 1;
      places[at:(at + size - 1)] = linspaced_int_array(size, begin[g], end[g]);
      at += size;
    }
    return places;
  }
  /* Residuals in units of sigma. Series with the same times, same[g] of them, share a Cholesky
   * factor; places, in order, has them behind one another. */
  real student_series_lpdf(vector u, real nu, matrix cov, array[] int order,
      array[] int places, array[] int same, array[] int nobs, array[,] int Jtime) {
    real lp = 0;
    int at = 1;
    for (g in 1:size(same)) {
      if (same[g] > 0) {
        int n = nobs[g];
        matrix[n, n] L = cholesky_decompose(cov[Jtime[g, 1:n], Jtime[g, 1:n]]);
        matrix[n, same[g]] z = mdivide_left_tri_low(
          L, to_matrix(u[order[places[at:(at + n * same[g] - 1)]]], n, same[g]));
        for (h in 1:same[g]) lp += -0.5 * (nu + n) * log1p(dot_self(z[, h]) / nu);
        lp += same[g] * (lgamma(0.5 * (nu + n)) - lgamma(0.5 * nu) - 0.5 * n * log(nu * pi()));
        lp += -same[g] * sum(log(diagonal(L)));
        at += n * same[g];
      }
    }
    return lp;
  }
}
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x
  vector[Kc] means_X;  // column means of X
  int<lower=1> n_unique_t;  // times that there are
  int<lower=0> N_tg;  // series
  array[N_tg] int<lower=1, upper=N> begin_tg;  // in order_tg: first row of each series
  array[N_tg] int<lower=1, upper=N> end_tg;  // in order_tg: last row of each series
  array[N_tg] int<lower=1> nobs_tg;  // rows of each series
  array[N] int<lower=1, upper=N> order_tg;  // rows by series and time
  array[N_tg] int<lower=1, upper=N_tg> like_tg;  // of each series the first with the same times
  array[N_tg, max(nobs_tg)] int<lower=0> Jtime_tg;  // times of each series, 0 behind the last
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sigma;  // scale of the default prior of sigma
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
  array[N_tg] int same_tg = rep_array(0, N_tg);  // series with the times of each, counted at the first
  for (g in like_tg) same_tg[g] += 1;
  array[N] int places_tg = by_times(N, like_tg, begin_tg, end_tg);  // of series with the same times
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  cholesky_factor_corr[n_unique_t] Lcortime;  // Cholesky factor of the correlations of times
  real<lower=0> sigma;  // sigma of the student family
  real<lower=1> nu;  // nu of the student family
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += lkj_corr_cholesky_lpdf(Lcortime | 1);
  lprior += student_t_lpdf(sigma | 3, 0, prior_scale_sigma) - student_t_lccdf(0 | 3, 0, prior_scale_sigma);
  lprior += gamma_lpdf(nu | 2, 0.1) - gamma_lccdf(1 | 2, 0.1);
}
model {
  if (!prior_only) {
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // x
    target += student_series_lpdf((Y - mu) / sigma | nu, multiply_lower_tri_self_transpose(Lcortime), order_tg, places_tg, same_tg, nobs_tg, Jtime_tg) - N * log(sigma);  // y ~ student with unstr(visit, patient)
  }
  target += lprior;
}
