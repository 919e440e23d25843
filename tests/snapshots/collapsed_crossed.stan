// y ~ x + (x | g) + (1 | h)
// family gaussian (links mu: identity)
// effects of g integrated out
functions {
  /* Log density of the rotated rows v = R u + e of all levels, u integrated out:
   * u ~ multi_normal(0, Lambda * Lambda'), e ~ normal(0, sigma), but for the constants and powers
   * of sigma that all rows share. Determinant and adjugate of I + R Lambda Lambda' R' / sigma^2
   * are sums of products that stay accurate when correlations come close to 1.
   */
  real collapsed_levels_lpdf(array[] vector v, data array[,] vector R, matrix Lambda, real sigma) {
    int n = num_elements(v[1]);
    real a = Lambda[1, 1] / sigma;
    real c = Lambda[2, 1] / sigma;
    real d = Lambda[2, 2] / sigma;
    matrix[n, 4] minors;  // of R'R: its entries, and its determinant
    minors[, 1] = square(R[1, 1]);
    minors[, 2] = 2 * R[1, 1] .* R[1, 2];
    minors[, 3] = square(R[1, 2]) + square(R[2, 2]);
    minors[, 4] = square(R[1, 1] .* R[2, 2]);
    vector[n] det = 1 + minors * [square(a), a * c, square(c) + square(d), square(a * d)]';
    vector[n] w1 = R[2, 2] .* v[1] - R[1, 2] .* v[2];
    vector[n] w2 = R[1, 1] .* v[2];
    vector[n] quad = square(v[1]) + square(v[2]) + square(d * w1) + square(a * w2 - c * w1);
    return -0.5 * (sum(log(det)) + dot_product(quad, inv(det)) / square(sigma));
  }
}
data {
  int<lower=1> Kc;  // centred columns, without the intercept
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sigma;  // scale of the default prior of sigma
  real<lower=0> prior_scale_sd_1;  // scale of the default prior of sd_1
  real<lower=0> prior_scale_sd_2;  // scale of the default prior of sd_2
  real<lower=0> nobs;  // rows, each as often as its weight says
  int<lower=0> P;  // population-level columns, with the intercept
  array[M_1] vector[N_1] Ylevel;  // rotated response of each g
  array[M_1] matrix[N_1, P] Xlevel;  // rotated design
  array[M_1, M_1] vector[N_1] Rlevel;  // R factor of the design of the effects of each g
  int<lower=0> Nrest;  // rows that hold all cross-products of the rest
  vector[Nrest] Yrest;  // rotated response, free of the effects
  matrix[Nrest, P] Xrest;  // rotated design, free of the effects
  int<lower=0> Ncell;  // cells: rows with the same effects
  vector[Ncell] Wcell;  // rows of each cell, weighted
  vector[Ncell] Ycell;  // sums of the response within levels
  matrix[Ncell, P] Xcell;  // sums of the design within levels
  array[2] vector[Ncell] Qcell;  // sums of the rotation
  array[N_1] int first;  // where the cells of each g start
  array[N_1] int last;  // and where they stop
  int<lower=1> N_2;  // levels of h
  int<lower=1> M_2;  // coefficients per level of h
  array[Ncell] int<lower=1, upper=N_2> J_2;  // level of h in each row
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  real<lower=0> sigma;  // sigma of the gaussian family
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  cholesky_factor_corr[M_1] L_1;  // Cholesky factor of their correlations
  vector<lower=0>[M_2] sd_2;  // standard deviations of the effects of h
  array[M_2] vector[N_2] z_2;  // standardised effects
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sigma | 3, 0, prior_scale_sigma) - student_t_lccdf(0 | 3, 0, prior_scale_sigma);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);
  lprior += lkj_corr_cholesky_lpdf(L_1 | 1);
  lprior += student_t_lpdf(sd_2 | 3, 0, prior_scale_sd_2) - M_2 * student_t_lccdf(0 | 3, 0, prior_scale_sd_2);
}
model {
  if (!prior_only) {
    // effects of h: (1 | h)
    vector[N_2] r_2 = sd_2[1] * z_2[1];
    // Cholesky factor of the covariance of the effects of g
    matrix[M_1, M_1] Lambda = diag_pre_multiply(sd_1, L_1);
    vector[P] beta = append_row(Intercept, b);
    vector[Ncell] others = r_2[J_2];  // (1 | h)
    array[M_1] vector[N_1] v;  // (x | g)
    real rest = dot_self(Yrest - Xrest * beta)
                + dot_product(others, Wcell .* others) - 2 * dot_product(Ycell, others)
                + 2 * dot_product(transpose(Xcell) * others, beta);
    for (k in 1:M_1) {
      vector[Ncell + 1] sums = append_row(0, cumulative_sum(Qcell[k] .* others));
      vector[N_1] shift = sums[last] - sums[first];  // over the cells of each g
      v[k] = Ylevel[k] - Xlevel[k] * beta - shift;
      rest -= dot_self(shift);
    }
    target += collapsed_levels_lpdf(v | Rlevel, Lambda, sigma);
    target += -0.5 * rest / square(sigma) - nobs * (0.5 * log(2 * pi()) + log(sigma));  // rows within levels
  }
  target += lprior;
  target += std_normal_lpdf(z_2[1] |);
}
