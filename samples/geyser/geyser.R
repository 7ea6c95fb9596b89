# SPDX-License-Identifier: GPL-2.0-or-later
# Predicts how long Old Faithful waits from how long it erupted, by a polynomial.
# usage: Rscript geyser.R DEGREE
# Leaves metrics.json and curve.csv, the prediction and its 95 % band, in the working folder.

degree <- as.integer(commandArgs(trailingOnly = TRUE))
stopifnot(length(degree) == 1, degree >= 1)

fit <- lm(waiting ~ poly(eruptions, degree), data = faithful)

# What each eruption would be predicted as by a fit to all the others.
left_out <- residuals(fit) / (1 - hatvalues(fit))

# Whether the powers above the first are worth having.
line <- lm(waiting ~ eruptions, data = faithful)
p_value <- if (degree > 1) anova(line, fit)[["Pr(>F)"]][2] else 1

cat(sprintf(
  paste0(
    '{"r_squared": %.6f, "sigma": %.6f, "cv_rmse": %.6f, "aic": %.4f, ',
    '"p_value": %.6g}\n'
  ),
  summary(fit)$r.squared, sigma(fit), sqrt(mean(left_out^2)), AIC(fit), p_value
), file = "metrics.json")

at <- data.frame(eruptions = seq(1.6, 5.1, by = 0.1))
band <- predict(fit, at, interval = "confidence")
write.csv(format(cbind(at, round(band, 4)), trim = TRUE), "curve.csv",
  row.names = FALSE, quote = FALSE
)
