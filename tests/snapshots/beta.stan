// unit ~ x + (1 | g)
// phi ~ x
// family beta (links mu: logit, phi: log)
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response unit
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x
  vector[Kc] means_X;  // column means of X
  vector[N] Z_1_1;  // Intercept of (1 | g)
  int<lower=1> K_phi;  // population-level columns
  int<lower=1> Kc_phi;  // centred columns, without the intercept
  matrix[N, K_phi] X_phi;  // design of x
  vector[Kc_phi] means_X_phi;  // column means of X
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
  matrix[N, Kc_phi] Xc_phi = X_phi[, 2:K_phi] - rep_matrix(means_X_phi', N);  // centred design
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  vector[Kc_phi] b_phi;  // population-level effects of phi
  real Intercept_phi;  // intercept of the centred design of phi
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  array[M_1] vector[N_1] z_1;  // standardised effects
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, 0, 2.5);
  lprior += student_t_lpdf(Intercept_phi | 3, 0, 2.5);
  lprior += student_t_lpdf(sd_1 | 3, 0, 2.5) - M_1 * student_t_lccdf(0 | 3, 0, 2.5);
}
model {
  if (!prior_only) {
    // effects of g: (1 | g)
    vector[N_1] r_1 = sd_1[1] * z_1[1];
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // x
    mu += r_1[J_1] .* Z_1_1;  // (1 | g)
    mu = inv_logit(mu);
    vector[N] phi = rep_vector(Intercept_phi, N);
    phi += Xc_phi * b_phi;  // x
    phi = exp(phi);
    target += beta_lpdf(Y | mu .* phi, (1 - mu) .* phi);  // unit ~ beta
  }
  target += lprior;
  target += std_normal_lpdf(z_1[1] |);
}
