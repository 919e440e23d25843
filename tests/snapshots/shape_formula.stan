// count ~ x + (1 | g)
// shape ~ z
// family negbinomial (links mu: log, shape: log)
data {
  int<lower=0> N;  // rows
  array[N] int Y;  // response count
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x
  vector[Kc] means_X;  // column means of X
  vector[N] Z_1_1;  // Intercept of (1 | g)
  int<lower=1> K_shape;  // population-level columns
  int<lower=1> Kc_shape;  // centred columns, without the intercept
  matrix[N, K_shape] X_shape;  // design of z
  vector[Kc_shape] means_X_shape;  // column means of X
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
  matrix[N, Kc_shape] Xc_shape = X_shape[, 2:K_shape] - rep_matrix(means_X_shape', N);  // centred design
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  vector[Kc_shape] b_shape;  // population-level effects of shape
  real Intercept_shape;  // intercept of the centred design of shape
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  array[M_1] vector[N_1] z_1;  // standardised effects
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(Intercept_shape | 3, 0, 2.5);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);
}
model {
  if (!prior_only) {
    // effects of g: (1 | g)
    vector[N_1] r_1 = sd_1[1] * z_1[1];
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // x
    mu += r_1[J_1] .* Z_1_1;  // (1 | g)
    vector[N] shape = rep_vector(Intercept_shape, N);
    shape += Xc_shape * b_shape;  // z
    shape = exp(shape);
    target += neg_binomial_2_log_lpmf(Y | mu, shape);  // count ~ negbinomial
  }
  target += lprior;
  target += std_normal_lpdf(z_1[1] |);
}
