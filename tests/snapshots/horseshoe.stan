// y ~ x * f + mo(rating) + (1 | g)
// sigma ~ z + x
// family gaussian (links mu: identity, sigma: log)
functions {
  /* Monotonic effect of Buerkner & Charpentier (2020, doi:10.1111/bmsp.12195): J times the share of
   * the steps up to each category.
   * Args:
   *   simo: shares of the J steps, a simplex
   *   x: categories, from 0
   */
  vector monotonic(vector simo, array[] int x) {
    int J = size(simo);
    vector[J + 1] height = append_row(0, J * cumulative_sum(simo));
    vector[size(x)] out;
    for (n in 1:size(x)) {
      out[n] = height[x[n] + 1];
    }
    return out;
  }
}
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x + f + x:f
  vector[Kc] means_X;  // column means of X
  int<lower=1> Ksp;  // special effects
  int<lower=1> Imo;  // monotonic variables
  array[Imo] int<lower=1> Jmo;  // their steps
  array[N] int<lower=0, upper=Jmo[1]> Xmo_1;  // categories of mo(rating)
  vector[N] Z_1_1;  // Intercept of (1 | g)
  int<lower=1> K_sigma;  // population-level columns
  int<lower=1> Kc_sigma;  // centred columns, without the intercept
  matrix[N, K_sigma] X_sigma;  // design of z + x
  vector[Kc_sigma] means_X_sigma;  // column means of X
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  vector<lower=0>[Jmo[1]] con_simo_1;  // concentrations of simo_1
  real<lower=0> prior_scale_Intercept_sigma;  // scale of the default prior of Intercept_sigma
  real<lower=0> prior_scale_sd_1;  // scale of the default prior of sd_1
  int<lower=1> Kscales;  // scales of the horseshoe prior
  real<lower=0> hs_df;  // degrees of freedom of the local scales
  real<lower=0> hs_df_global;  // degrees of freedom of the global scale
  real<lower=0> hs_df_slab;  // degrees of freedom of the slab
  real<lower=0> hs_scale_global;  // scale of the global scale
  real<lower=0> hs_scale_slab;  // scale of the slab
  int<lower=1> Kscales_sigma;  // scales of the horseshoe prior
  real<lower=0> hs_df_sigma;  // degrees of freedom of the local scales
  real<lower=0> hs_df_global_sigma;  // degrees of freedom of the global scale
  real<lower=0> hs_df_slab_sigma;  // degrees of freedom of the slab
  real<lower=0> hs_scale_global_sigma;  // scale of the global scale
  real<lower=0> hs_scale_slab_sigma;  // scale of the slab
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
  matrix[N, Kc_sigma] Xc_sigma = X_sigma[, 2:K_sigma] - rep_matrix(means_X_sigma', N);  // centred design
}
parameters {
  vector[Kc] zb;  // standardised population-level effects
  real Intercept;  // intercept of the centred design
  simplex[Jmo[1]] simo_1;  // shares of the steps of mo(rating)
  vector[Ksp] zbsp;  // standardised coefficients of mo(rating)
  vector[Kc_sigma] zb_sigma;  // standardised population-level effects of sigma
  real Intercept_sigma;  // intercept of the centred design of sigma
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  array[M_1] vector[N_1] z_1;  // standardised effects
  real<lower=0> hs_global;  // global scale
  real<lower=0> hs_slab;  // variance of the slab, in units of its scale
  vector<lower=0>[Kscales] hs_local;  // local scales
  real<lower=0> hs_global_sigma;  // global scale
  real<lower=0> hs_slab_sigma;  // variance of the slab, in units of its scale
  vector<lower=0>[Kscales_sigma] hs_local_sigma;  // local scales
}
transformed parameters {
  vector<lower=0>[Kscales] scales;  // scales of the horseshoe prior
  scales = hs_global * hs_local ./ sqrt(1 + square(hs_global * hs_local) / (square(hs_scale_slab) * hs_slab));
  vector<lower=0>[Kc] sdb;  // standard deviations of b
  sdb = scales[1:Kc];
  vector[Kc] b;  // population-level effects
  b = zb .* sdb;
  vector<lower=0>[Ksp] sdbsp;  // standard deviations of bsp
  sdbsp = scales[(1 + Kc):(Kc + Ksp)];
  vector[Ksp] bsp;  // coefficients of mo(rating)
  bsp = zbsp .* sdbsp;
  vector<lower=0>[Kscales_sigma] scales_sigma;  // scales of the horseshoe prior
  scales_sigma = hs_global_sigma * hs_local_sigma ./ sqrt(1 + square(hs_global_sigma * hs_local_sigma) / (square(hs_scale_slab_sigma) * hs_slab_sigma));
  vector<lower=0>[Kc_sigma] sdb_sigma;  // standard deviations of b_sigma
  sdb_sigma = scales_sigma[1:Kc_sigma];
  vector[Kc_sigma] b_sigma;  // population-level effects of sigma
  b_sigma = zb_sigma .* sdb_sigma;
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += dirichlet_lpdf(simo_1 | con_simo_1);
  lprior += student_t_lpdf(Intercept_sigma | 3, 0, prior_scale_Intercept_sigma);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);
  lprior += student_t_lpdf(hs_global | hs_df_global, 0, hs_scale_global) - log(0.5);
  lprior += inv_gamma_lpdf(hs_slab | 0.5 * hs_df_slab, 0.5 * hs_df_slab);
  lprior += student_t_lpdf(hs_global_sigma | hs_df_global_sigma, 0, hs_scale_global_sigma) - log(0.5);
  lprior += inv_gamma_lpdf(hs_slab_sigma | 0.5 * hs_df_slab_sigma, 0.5 * hs_df_slab_sigma);
}
model {
  if (!prior_only) {
    // effects of g: (1 | g)
    vector[N_1] r_1 = sd_1[1] * z_1[1];
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // x + f + x:f
    mu += bsp[1] * monotonic(simo_1, Xmo_1);  // mo(rating)
    mu += r_1[J_1] .* Z_1_1;  // (1 | g)
    vector[N] sigma = rep_vector(Intercept_sigma, N);
    sigma += Xc_sigma * b_sigma;  // z + x
    sigma = exp(sigma);
    target += normal_lpdf(Y | mu, sigma);  // y ~ gaussian
  }
  target += lprior;
  target += std_normal_lpdf(zb |);
  target += std_normal_lpdf(zbsp |);
  target += student_t_lpdf(hs_local | hs_df, 0, 1) - Kscales * log(0.5);
  target += std_normal_lpdf(zb_sigma |);
  target += student_t_lpdf(hs_local_sigma | hs_df_sigma, 0, 1) - Kscales_sigma * log(0.5);
  target += std_normal_lpdf(z_1[1] |);
}
