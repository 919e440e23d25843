// count ~ x + ar(t, g, cov = TRUE)
// family poisson (links mu: log)
functions {
  /* Covariance of n steps of an ARMA(1, 1) process whose innovations have variance 1. */
  matrix arma_covariance(real ar, real ma, int n) {
    vector[n] gamma;
    matrix[n, n] out;
    gamma[1] = (1 + 2 * ar * ma + square(ma)) / (1 - square(ar));
    if (n > 1) gamma[2] = (1 + ar * ma) * (ar + ma) / (1 - square(ar));
    for (k in 3:n) gamma[k] = ar * gamma[k - 1];
    for (j in 1:n) {
      out[j:n, j] = gamma[1:(n - j + 1)];
      out[j, j:n] = gamma[1:(n - j + 1)]';
    }
    return out;
  }
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
  /* Correlate standard normal residuals within series. z is sorted by series and time; places has
   * the series with the same times, same[g] of them, behind one another. */
  vector series_residuals(vector z, array[] int order, matrix cov, array[] int places,
      array[] int same, array[] int nobs) {
    vector[num_elements(z)] out;
    int at = 1;
    for (g in 1:size(same)) {
      if (same[g] > 0) {
        int n = nobs[g];
        int last = at + n * same[g] - 1;
        out[order[places[at:last]]] = to_vector(
          cholesky_decompose(cov[1:n, 1:n]) * to_matrix(z[places[at:last]], n, same[g]));
        at = last + 1;
      }
    }
    return out;
  }
}
data {
  int<lower=0> N;  // rows
  array[N] int Y;  // response count
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x
  vector[Kc] means_X;  // column means of X
  int<lower=0> Kar;  // autoregressive order
  int<lower=0> N_tg;  // series
  array[N_tg] int<lower=1, upper=N> begin_tg;  // in order_tg: first row of each series
  array[N_tg] int<lower=1, upper=N> end_tg;  // in order_tg: last row of each series
  array[N_tg] int<lower=1> nobs_tg;  // rows of each series
  array[N] int<lower=1, upper=N> order_tg;  // rows by series and time
  array[N_tg] int<lower=1, upper=N_tg> like_tg;  // of each series the first with the same times
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sderr;  // scale of the default prior of sderr
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
  vector<lower=-1, upper=1>[Kar] ar;  // autoregressive coefficients
  vector[N] zerr;  // standardised latent residuals, by series and time
  real<lower=0> sderr;  // standard deviation of latent residuals
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sderr | 3, 0, prior_scale_sderr) - student_t_lccdf(0 | 3, 0, prior_scale_sderr);
}
model {
  if (!prior_only) {
    vector[N] mu = rep_vector(Intercept, N);
    mu += sderr * series_residuals(zerr, order_tg, arma_covariance(ar[1], 0, max(nobs_tg)), places_tg, same_tg, nobs_tg);  // ar(t, g, cov = TRUE)
    target += poisson_log_glm_lpmf(Y | Xc, mu, b);  // count ~ poisson, where Xc * b is x
  }
  target += lprior;
  target += std_normal_lpdf(zerr |);
}
