# Multiple imputation within arms by R's mice, the same work as odisea's; started by `odisea bench --mice`.
# Rscript mice.R DATA.csv M MAXIT OUT.json
#   DATA.csv: arm (1, 0), y (the outcome, NA where missing), covariates x1.. of the analysis, variables z1.. of the imputation
#   (all complete), auxiliaries a1.. (NA where missing or not recorded in the arm).
suppressPackageStartupMessages(library(mice))
arguments <- commandArgs(trailingOnly = TRUE)
data <- read.csv(arguments[1])
m <- as.integer(arguments[2])
maxit <- as.integer(arguments[3])
covariates <- grep("^x", names(data), value = TRUE)
variables <- grep("^[za]", names(data), value = TRUE)
start <- proc.time()
completed <- lapply(c(1, 0), function(arm) {
  rows <- which(data$arm == arm)
  own <- data[rows, c("y", variables)]
  own <- own[, sapply(own, function(column) any(!is.na(column)))]
  imputed <- mice(own, m = m, maxit = maxit, method = "norm", printFlag = FALSE, seed = 1)
  list(rows = rows, y = lapply(seq_len(m), function(k) complete(imputed, k)$y))
})
formula <- as.formula(paste("y ~ arm +", paste(covariates, collapse = " + ")))
fits <- sapply(seq_len(m), function(k) {
  one <- data
  for (part in completed) one$y[part$rows] <- part$y[[k]]
  found <- summary(lm(formula, one))$coefficients["arm", ]
  c(found[["Estimate"]], found[["Std. Error"]]^2)
})
pooled <- pool.scalar(fits[1, ], fits[2, ], n = nrow(data), k = length(covariates) + 2)
seconds <- sum((proc.time() - start)[c("user.self", "sys.self")])
cat(sprintf(
  '{"seconds": %.6f, "estimate": %.12g, "se": %.12g, "between": %.12g, "version": "%s"}\n',
  seconds, pooled$qbar, sqrt(pooled$t), pooled$b, as.character(packageVersion("mice"))
), file = arguments[4])
