// count ~ x + z + (x | g)
// family poisson (links mu: log)
data {
  int<lower=0> N;  // rows
  array[N] int Y;  // response count
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x + z
  vector[Kc] means_X;  // column means of X
  vector[N] Z_1_1;  // Intercept of (x | g)
  vector[N] Z_1_2;  // x of (x | g)
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  array[M_1] vector<lower=0, upper=1>[N_1] w_1;  // how far effects are centred: 0 standardised, 1 the effects themselves
  array[M_1] vector[N_1] shift_1_Intercept;  // change of the effects of g with Intercept
  real near_1_Intercept;  // a value near Intercept
  array[M_1] matrix[N_1, Kc] shift_1_b;  // change of the effects of g with b
  vector[Kc] near_1_b;  // a value near b
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sd_1;  // scale of the default prior of sd_1
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  array[M_1] vector[N_1] v_1;  // effects, centred as far as the data tell of them
  cholesky_factor_corr[M_1] L_1;  // Cholesky factor of their correlations
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);
  lprior += lkj_corr_cholesky_lpdf(L_1 | 1);
}
model {
  // effects of g: (x | g), centred as far as the data tell of them
  matrix[N_1, M_1] r_1;
  {
    array[M_1] vector[N_1] z;  // standardised
    for (k in 1:M_1) {
      real tau = sd_1[k] * L_1[k, k];  // given the coefficients before
      vector[N_1] m = rep_vector(0, N_1);
      for (l in 1:(k - 1)) {
        m += sd_1[k] * L_1[k, l] * z[l];
      }
      r_1[, k] = (1 - w_1[k]) .* m + pow(tau, 1 - w_1[k]) .* v_1[k] + shift_1_Intercept[k] * (Intercept - near_1_Intercept)
        + shift_1_b[k] * (b - near_1_b);
      z[k] = (r_1[, k] - m) / tau;
      target += std_normal_lpdf(z[k] |) - sum(w_1[k]) * log(tau);
    }
  }
  if (!prior_only) {
    vector[N] mu = rep_vector(Intercept, N);
    mu += r_1[J_1, 1] .* Z_1_1
          + r_1[J_1, 2] .* Z_1_2;  // (x | g)
    target += poisson_log_glm_lpmf(Y | Xc, mu, b);  // count ~ poisson, where Xc * b is x + z
  }
  target += lprior;
}
