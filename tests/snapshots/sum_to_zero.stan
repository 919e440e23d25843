// rating ~ x
// disc ~ 0 + z
// family acat (links mu: logit, disc: log)
functions {
  /* Adjacent category model of an ordinal response: P(y = k + 1 | y in {k, k + 1}) = F_k,
   * k = 1 .. T.
   * Args:
   *   y: category, 1 .. T + 1
   *   log_F: log F at each threshold
   *   log1m_F: log(1 - F) at each threshold
   * score[k] is the log of F_1 .. F_{k-1} (1 - F_k) .. (1 - F_T), which P(y = k) is
   * proportional to.
   */
  real acat_lpmf(int y, vector log_F, vector log1m_F) {
    int T = num_elements(log_F);
    vector[T + 1] score;
    score[1] = sum(log1m_F);
    for (k in 1 : T) {
      score[k + 1] = score[k] + log_F[k] - log1m_F[k];
    }
    return categorical_logit_lpmf(y | score);
  }
}
data {
  int<lower=0> N;  // rows
  array[N] int Y;  // response rating
  int<lower=1> nthres;  // thresholds
  int<lower=1> K;  // population-level columns
  matrix[N, K] X;  // design of x
  int<lower=1> K_disc;  // population-level columns
  matrix[N, K_disc] X_disc;  // design of 0 + z
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
parameters {
  vector[nthres] Intercept;  // thresholds
  vector[K] b;  // population-level effects
  vector[K_disc] b_disc;  // population-level effects of disc
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, 0, 2.5);
}
model {
  if (!prior_only) {
    vector[nthres] Intercept_stz = Intercept - mean(Intercept);  // thresholds sum to zero
    vector[N] mu = X * b;  // x
    vector[N] disc = X_disc * b_disc;  // 0 + z
    disc = exp(disc);
    for (n in 1:N) {  // rating ~ acat
      target += acat_lpmf(Y[n] | log_inv_logit(disc[n] * (mu[n] - Intercept_stz)), log1m_inv_logit(disc[n] * (mu[n] - Intercept_stz)));
    }
  }
  target += lprior;
}
