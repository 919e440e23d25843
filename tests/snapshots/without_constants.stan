// count ~ x + (x | g)
// family poisson (links mu: log)
data {
  int<lower=0> N;  // rows
  array[N] int Y;  // response count
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x
  vector[Kc] means_X;  // column means of X
  vector[N] Z_1_1;  // Intercept of (x | g)
  vector[N] Z_1_2;  // x of (x | g)
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
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
  matrix[M_1, N_1] z_1;  // standardised effects
  cholesky_factor_corr[M_1] L_1;  // Cholesky factor of their correlations
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
}
model {
  if (!prior_only) {
    // effects of g: (x | g)
    matrix[N_1, M_1] r_1 = transpose(diag_pre_multiply(sd_1, L_1) * z_1);
    vector[N] mu = rep_vector(Intercept, N);
    mu += r_1[J_1, 1] .* Z_1_1
          + r_1[J_1, 2] .* Z_1_2;  // (x | g)
    target += poisson_log_glm_lupmf(Y | Xc, mu, b);  // count ~ poisson, where Xc * b is x
  }
  target += lprior;
  target += student_t_lupdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  target += student_t_lupdf(sd_1 | 3, 0, prior_scale_sd_1);
  target += lkj_corr_cholesky_lupdf(L_1 | 1);
  target += std_normal_lupdf(to_vector(z_1) |);
}
