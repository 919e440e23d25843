// y ~ x + z + s(x1, k = 4) + (x || h) + ar(t, g, p = 2)
// family gaussian (links mu: identity)
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x + z
  vector[Kc] means_X;  // column means of X
  int<lower=0> Ks;  // unpenalised columns of the smooths
  matrix[N, Ks] Xs;  // their design
  int<lower=0> nb_1;  // blocks of s(x1, k = 4)
  array[nb_1] int<lower=1> knots_1;  // columns of each block
  matrix[N, knots_1[1]] Zs_1_1;  // block 1 of s(x1, k = 4)
  vector[N] Z_1_1;  // Intercept of (x || h)
  vector[N] Z_1_2;  // x of (x || h)
  int<lower=0> Kar;  // autoregressive order
  int<lower=0> Kma;  // moving average order
  array[N] int<lower=0> J_lag;  // in order_tg: earlier rows that the next row can look back to
  array[N] int<lower=1, upper=N> order_tg;  // rows by series and time
  int<lower=1> N_1;  // levels of h
  int<lower=1> M_1;  // coefficients per level of h
  array[N] int<lower=1, upper=N_1> J_1;  // level of h in each row
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sigma;  // scale of the default prior of sigma
  int<lower=1> Kscales;  // scales of the R2D2 prior
  real<lower=0, upper=1> R2D2_mean_R2;  // mean of R2
  real<lower=0> R2D2_prec_R2;  // precision of R2
  vector<lower=0>[Kscales] R2D2_cons_D2;  // concentrations of the shares
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
  array[max(Kar, Kma), N] int Lag = rep_array(N + 1, max(Kar, Kma), N);  // the row k steps before, or N + 1
  for (i in 2:N) {
    for (k in 1:J_lag[i - 1]) Lag[k, order_tg[i]] = order_tg[i - k];
  }
}
parameters {
  vector[Kc] zb;  // standardised population-level effects
  real Intercept;  // intercept of the centred design
  vector[Ks] zbs;  // standardised unpenalised coefficients of the smooths
  vector[knots_1[1]] zs_1_1;  // standardised coefficients
  vector[Kar] zar;  // standardised autoregressive coefficients
  real<lower=0> sigma;  // sigma of the gaussian family
  array[M_1] vector[N_1] z_1;  // standardised effects
  real<lower=0, upper=1> R2D2_R2;  // explained share of the variance
  simplex[Kscales] R2D2_phi;  // shares of the explained variance
}
transformed parameters {
  real<lower=0> R2D2_tau2;  // variance that is shared out
  R2D2_tau2 = square(sigma) * R2D2_R2 / (1 - R2D2_R2);
  vector<lower=0>[Kscales] scales;  // scales of the R2D2 prior
  scales = sqrt(R2D2_phi * R2D2_tau2);
  vector<lower=0>[Kc] sdb;  // standard deviations of b
  sdb = scales[1:Kc];
  vector[Kc] b;  // population-level effects
  b = zb .* sdb;
  vector<lower=0>[Ks] sdbs;  // standard deviations of bs
  sdbs = scales[(1 + Kc):(Kc + Ks)];
  vector[Ks] bs;  // unpenalised coefficients of the smooths
  bs = zbs .* sdbs;
  vector<lower=0>[nb_1] sds_1;  // standard deviations of s(x1, k = 4)
  sds_1 = scales[(1 + Kc + Ks):(Kc + Ks + nb_1)];
  vector<lower=0>[Kar] sdar;  // standard deviations of ar
  sdar = scales[(1 + Kc + Ks + nb_1):(Kc + Ks + nb_1 + Kar)];
  vector[Kar] ar;  // autoregressive coefficients
  ar = zar .* sdar;
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of h
  sd_1 = scales[(1 + Kc + Ks + nb_1 + Kar):(Kc + Ks + nb_1 + Kar + M_1)];
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sigma | 3, 0, prior_scale_sigma) - student_t_lccdf(0 | 3, 0, prior_scale_sigma);
  lprior += beta_lpdf(R2D2_R2 | R2D2_mean_R2 * R2D2_prec_R2, (1 - R2D2_mean_R2) * R2D2_prec_R2);
}
model {
  if (!prior_only) {
    // effects of h: (x || h)
    array[M_1] vector[N_1] r_1;
    for (k in 1:M_1) {
      r_1[k] = sd_1[k] * z_1[k];
    }
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // x + z
    mu += Xs * bs
          + Zs_1_1 * (sds_1[1] * zs_1_1);  // s(x1, k = 4)
    mu += r_1[1][J_1] .* Z_1_1
          + r_1[2][J_1] .* Z_1_2;  // (x || h)
    vector[N + 1] err = append_row(Y - mu, 0);  // residuals
    for (k in 1:Kar) mu += ar[k] * err[Lag[k]];  // ar(t, g, p = 2)
    target += normal_lpdf(Y | mu, sigma);  // y ~ gaussian
  }
  target += lprior;
  target += std_normal_lpdf(zb |);
  target += std_normal_lpdf(zbs |);
  target += std_normal_lpdf(zar |);
  target += dirichlet_lpdf(R2D2_phi | R2D2_cons_D2);
  target += std_normal_lpdf(zs_1_1 |);
  for (k in 1:M_1) {
    target += std_normal_lpdf(z_1[k] |);
  }
}
