// y ~ x + car(B, gr = patient, type = "icar") + (1 | g)
// sigma ~ car(B, gr = patient, type = "esicar")
// family gaussian (links mu: identity, sigma: log)
functions {
  /* Log density of an intrinsic conditional autoregression, of rank one less than its size, without
   * its constant.
   */
  real car_intrinsic_lpdf(vector phi, real sdcar, data array[] int edges1, data array[] int edges2) {
    real form = dot_self(phi[edges1] - phi[edges2]);
    return -(size(phi) - 1) * log(sdcar) - 0.5 * form / square(sdcar);
  }
}
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x
  vector[Kc] means_X;  // column means of X
  int<lower=1> Nloc;  // locations of car(B, gr = patient, type = "icar")
  array[N] int<lower=1, upper=Nloc> Jloc;  // location of each row
  int<lower=0> Nedges;  // pairs of neighbours
  array[Nedges] int<lower=1, upper=Nloc> edges1;  // one location of each pair
  array[Nedges] int<lower=1, upper=Nloc> edges2;  // the other one
  vector[N] Z_1_1;  // Intercept of (1 | g)
  int<lower=1> Nloc_sigma;  // locations of car(B, gr = patient, type = "esicar")
  array[N] int<lower=1, upper=Nloc_sigma> Jloc_sigma;  // location of each row
  int<lower=0> Nedges_sigma;  // pairs of neighbours
  array[Nedges_sigma] int<lower=1, upper=Nloc_sigma> edges1_sigma;  // one location of each pair
  array[Nedges_sigma] int<lower=1, upper=Nloc_sigma> edges2_sigma;  // the other one
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sdcar;  // scale of the default prior of sdcar
  real<lower=0> prior_scale_Intercept_sigma;  // scale of the default prior of Intercept_sigma
  real<lower=0> prior_scale_sdcar_sigma;  // scale of the default prior of sdcar_sigma
  real<lower=0> prior_scale_sd_1;  // scale of the default prior of sd_1
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  real<lower=0> sdcar;  // standard deviation of spatial effects
  vector[Nloc] zcar;  // standardised spatial effects
  real Intercept_sigma;  // intercept of sigma
  real<lower=0> sdcar_sigma;  // standard deviation of spatial effects
  vector[Nloc_sigma - 1] zcar_sigma;  // all spatial effects but the last
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  array[M_1] vector[N_1] z_1;  // standardised effects
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sdcar | 3, 0, prior_scale_sdcar) - student_t_lccdf(0 | 3, 0, prior_scale_sdcar);
  lprior += student_t_lpdf(Intercept_sigma | 3, 0, prior_scale_Intercept_sigma);
  lprior += student_t_lpdf(sdcar_sigma | 3, 0, prior_scale_sdcar_sigma) - student_t_lccdf(0 | 3, 0, prior_scale_sdcar_sigma);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);
}
model {
  if (!prior_only) {
    // effects of g: (1 | g)
    vector[N_1] r_1 = sd_1[1] * z_1[1];
    vector[Nloc] rcar = zcar * sdcar;
    vector[Nloc_sigma] rcar_sigma = append_row(zcar_sigma, -sum(zcar_sigma));  // sums to zero
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // x
    mu += rcar[Jloc];  // car(B, gr = patient, type = "icar")
    mu += r_1[J_1] .* Z_1_1;  // (1 | g)
    vector[N] sigma = rep_vector(Intercept_sigma, N);
    sigma += rcar_sigma[Jloc_sigma];  // car(B, gr = patient, type = "esicar")
    sigma = exp(sigma);
    target += normal_lpdf(Y | mu, sigma);  // y ~ gaussian
  }
  target += lprior;
  target += -0.5 * dot_self(zcar[edges1] - zcar[edges2]);
  target += normal_lpdf(sum(zcar) | 0, 0.001 * Nloc);  // soft sum-to-zero constraint
  target += car_intrinsic_lpdf(append_row(zcar_sigma, -sum(zcar_sigma)) | sdcar_sigma, edges1_sigma, edges2_sigma);
  target += std_normal_lpdf(z_1[1] |);
}
