// count ~ x + ar(t, g, cov = TRUE)
// family poisson (links mu: log)
functions {
  /* Variances of the innovations at the first n steps of a stationary process with a final variance
   * of 1 (Brockwell & Davis 1991, section 5.3). */
  vector arma_variances(real ar, int n) {
    vector[n] r = rep_vector(1, n);
    r[1] = inv(1 - square(ar));
    return r;
  }
  /* Independent residuals of variance 1, by series and time, as those of the process. later are the
   * rows that have an earlier one in their series, step by step; last is the last of them at each. */
  vector arma_residuals(vector z, real ar, array[] int order, array[] int step,
      array[] int later, array[] int earlier, array[] int last) {
    vector[size(last)] r = arma_variances(ar, size(last));
    vector[num_elements(z)] w = z .* sqrt(r[step]);
    vector[num_elements(z)] e = w;
    vector[num_elements(z)] out;
    for (t in 2:size(last)) {
      array[last[t] - last[t - 1]] int at = later[(last[t - 1] + 1):last[t]];
      e[at] += ar * e[earlier[(last[t - 1] + 1):last[t]]];
    }
    out[order] = e;
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
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sderr;  // scale of the default prior of sderr
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
  array[N] int step_tg;  // position of each row in its series; rows by series and time
  for (g in 1:N_tg) {
    step_tg[begin_tg[g]:end_tg[g]] = linspaced_int_array(nobs_tg[g], 1, nobs_tg[g]);
  }
  array[N - N_tg] int later_tg = sort_indices_asc(step_tg)[(N_tg + 1):N];  // all but the first of each series, step by step
  array[N - N_tg] int earlier_tg;  // the row before each of them
  array[max(nobs_tg)] int last_tg = rep_array(0, max(nobs_tg));  // in later_tg: last row of each step
  for (i in 1:(N - N_tg)) {
    earlier_tg[i] = later_tg[i] - 1;
    last_tg[step_tg[later_tg[i]]] = i;
  }
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
    mu += sderr * arma_residuals(zerr, ar[1], order_tg, step_tg, later_tg, earlier_tg, last_tg);  // ar(t, g, cov = TRUE)
    target += poisson_log_glm_lpmf(Y | Xc, mu, b);  // count ~ poisson, where Xc * b is x
  }
  target += lprior;
  target += std_normal_lpdf(zerr |);
}
