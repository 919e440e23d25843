// y ~ a * exp(b * x)
// a + b ~ 1
// unit ~ x
// family gaussian of y (links mu_y: identity)
// family beta of unit (links mu_unit: logit)
data {
  int<lower=0> N;  // rows of the data
  int<lower=0> N_y;  // rows
  vector[N_y] Y_y;  // response y
  int<lower=1> K_y_a;  // population-level columns
  matrix[N_y, K_y_a] X_y_a;  // design of 1
  int<lower=1> K_y_b;  // population-level columns
  matrix[N_y, K_y_b] X_y_b;  // design of 1
  vector[N_y] C_y_1;  // covariate x
  int<lower=0> N_unit;  // rows
  vector[N_unit] Y_unit;  // response unit
  int<lower=1> K_unit;  // population-level columns
  int<lower=1> Kc_unit;  // centred columns, without the intercept
  matrix[N_unit, K_unit] X_unit;  // design of x
  vector[Kc_unit] means_X_unit;  // column means of X
  real<lower=0> prior_scale_sigma_y;  // scale of the default prior of sigma_y
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N_unit, Kc_unit] Xc_unit = X_unit[, 2:K_unit] - rep_matrix(means_X_unit', N_unit);  // centred design
}
parameters {
  vector[K_y_a] b_y_a;  // population-level effects of y_a
  vector[K_y_b] b_y_b;  // population-level effects of y_b
  real<lower=0> sigma_y;  // sigma of the gaussian family
  vector[Kc_unit] b_unit;  // population-level effects of unit
  real Intercept_unit;  // intercept of the centred design of unit
  real<lower=0> phi_unit;  // phi of the beta family
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(sigma_y | 3, 0, prior_scale_sigma_y) - student_t_lccdf(0 | 3, 0, prior_scale_sigma_y);
  lprior += student_t_lpdf(Intercept_unit | 3, 0, 2.5);
  lprior += gamma_lpdf(phi_unit | 0.01, 0.01);
}
model {
  if (!prior_only) {
    vector[N_y] nlp_y_a = X_y_a * b_y_a;  // 1
    vector[N_y] nlp_y_b = X_y_b * b_y_b;  // 1
    vector[N_y] mu_y = nlp_y_a .* exp(nlp_y_b .* C_y_1);  // a * exp(b * x)
    target += normal_lpdf(Y_y | mu_y, sigma_y);  // y ~ gaussian
    vector[N_unit] mu_unit = rep_vector(Intercept_unit, N_unit);
    mu_unit += Xc_unit * b_unit;  // x
    mu_unit = inv_logit(mu_unit);
    target += beta_lpdf(Y_unit | mu_unit * phi_unit, (1 - mu_unit) * phi_unit);  // unit ~ beta
  }
  target += lprior;
}
