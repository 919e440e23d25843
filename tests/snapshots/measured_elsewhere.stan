// y ~ mi(z, idx = twin)
// z | mi(s) + subset(first) + index(row) ~ x
// rescor = False
// family gaussian of y (links mu_y: identity)
// family gaussian of z (links mu_z: identity)
data {
  int<lower=0> N;  // rows of the data
  int<lower=0> N_y;  // rows
  vector[N_y] Y_y;  // response y
  int<lower=1> Ksp_y;  // special effects
  array[N_y] int<lower=1> idxl_y_z_1;  // rows of z that mi(z, idx = twin) reads
  int<lower=0> N_z;  // rows
  vector[N_z] Y_z;  // response z
  int<lower=0> Nme_z;  // observed responses
  array[Nme_z] int<lower=1, upper=N_z> Jme_z;  // their rows
  vector<lower=0>[N_z] noise_z;  // standard errors of Y
  int<lower=1> K_z;  // population-level columns
  int<lower=1> Kc_z;  // centred columns, without the intercept
  matrix[N_z, K_z] X_z;  // design of x
  vector[Kc_z] means_X_z;  // column means of X
  real prior_location_Intercept_y;  // location of the default prior of Intercept_y
  real<lower=0> prior_scale_Intercept_y;  // scale of the default prior of Intercept_y
  real<lower=0> prior_scale_sigma_y;  // scale of the default prior of sigma_y
  real prior_location_Intercept_z;  // location of the default prior of Intercept_z
  real<lower=0> prior_scale_Intercept_z;  // scale of the default prior of Intercept_z
  real<lower=0> prior_scale_sigma_z;  // scale of the default prior of sigma_z
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N_z, Kc_z] Xc_z = X_z[, 2:K_z] - rep_matrix(means_X_z', N_z);  // centred design
}
parameters {
  real Intercept_y;  // intercept of y
  vector[Ksp_y] bsp_y;  // coefficients of mi(z, idx = twin)
  real<lower=0> sigma_y;  // sigma of the gaussian family
  vector[N_z] Yl_z;  // true responses
  vector[Kc_z] b_z;  // population-level effects of z
  real Intercept_z;  // intercept of the centred design of z
  real<lower=0> sigma_z;  // sigma of the gaussian family
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept_y | 3, prior_location_Intercept_y, prior_scale_Intercept_y);
  lprior += student_t_lpdf(sigma_y | 3, 0, prior_scale_sigma_y) - student_t_lccdf(0 | 3, 0, prior_scale_sigma_y);
  lprior += student_t_lpdf(Intercept_z | 3, prior_location_Intercept_z, prior_scale_Intercept_z);
  lprior += student_t_lpdf(sigma_z | 3, 0, prior_scale_sigma_z) - student_t_lccdf(0 | 3, 0, prior_scale_sigma_z);
}
model {
  if (!prior_only) {
    vector[N_y] mu_y = rep_vector(Intercept_y, N_y);
    mu_y += bsp_y[1] * Yl_z[idxl_y_z_1];  // mi(z, idx = twin)
    target += normal_lpdf(Y_y | mu_y, sigma_y);  // y ~ gaussian
    target += normal_id_glm_lpdf(Yl_z | Xc_z, Intercept_z, b_z, sigma_z);  // z | mi(s) + subset(first) + index(row) ~ gaussian, where Xc_z * b_z is x
  }
  target += lprior;
  target += normal_lpdf(Y_z[Jme_z] | Yl_z[Jme_z], noise_z[Jme_z]);  // observed around true responses
}
