/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_forecast.h"

#include <math.h>
#include <stdio.h>

#include "backtest_output.h"

static void
write_stamp(struct backtest_output *out, const struct backtest_series *s, size_t row)
{
	if (s->stamp[row])
		backtest_output_text(out, s->stamp[row]);
	else
		fprintf(out->file, "%zu", row);
	putc(',', out->file);
}

static void
write_row(struct backtest_output *out, const struct backtest_series *s,
		const struct backtest_row *row)
{
	write_stamp(out, s, row->row);
	write_stamp(out, s, row->origin);
	fprintf(out->file, "%u,", row->horizon);
}

static void
write_statement(struct backtest_output *out, const struct backtest_forecasts *f, size_t row)
{
	if (!f->said)
		return;
	putc(',', out->file);
	backtest_output_number(out, f->said[row]);
	putc(',', out->file);
	if (f->came_true[row] >= 0)
		fprintf(out->file, "%d", f->came_true[row]);
}

int
backtest_forecasts_write(const struct backtest_forecast_options *o, const struct backtest_series *s,
		const struct backtest_forecasts *f, struct backtest_error *error)
{
	struct backtest_output out;
	size_t i;
	uint32_t k;
	int rc = backtest_output_open(&out, o->output, error);

	if (rc < 0)
		return rc;
	fprintf(out.file, "%s,origin,horizon", s->has_time ? "timestamp" : "row");
	for (k = 0; k < o->quantiles; k++)
		fprintf(out.file, ",q%g", o->quantile[k]);
	fprintf(out.file, ",actual%s\n", f->said ? ",statement,came_true" : "");
	for (i = 0; i < f->rows; i++) {
		write_row(&out, s, &f->row[i]);
		for (k = 0; k < o->quantiles; k++) {
			backtest_output_number(&out, f->row[i].quantile[k]);
			putc(',', out.file);
		}
		backtest_output_number(&out, s->value[f->row[i].row]);
		write_statement(&out, f, f->row[i].row);
		putc('\n', out.file);
	}
	return backtest_output_close(&out, true, error);
}

static double
pinball(double q, double forecast, double actual)
{
	return actual >= forecast ? q * (actual - forecast) : (1 - q) * (forecast - actual);
}

static void
print_quantile(const struct backtest_series *s, const struct backtest_forecasts *f, uint32_t k,
		double q)
{
	double loss = 0, covered = 0, n = 0, actual;
	size_t i;

	for (i = 0; i < f->rows; i++) {
		actual = s->value[f->row[i].row];
		if (isnan(actual) || isnan(f->row[i].quantile[k]))
			continue;
		loss += pinball(q, f->row[i].quantile[k], actual);
		covered += actual <= f->row[i].quantile[k];
		n++;
	}
	if (n > 0)
		printf("  quantile %-6g pinball loss %-12.6g coverage %.3f\n", q, loss / n,
				covered / n);
}

/* Of the median, and of repeating the latest season, over the same rows. */
static void
print_error(const struct backtest_forecast_options *o, const struct backtest_series *s,
		const struct backtest_forecasts *f)
{
	double error = 0, naive = 0, n = 0, actual;
	size_t i;

	for (i = 0; i < f->rows; i++) {
		actual = s->value[f->row[i].row];
		if (isnan(actual) || isnan(f->row[i].median) || isnan(f->row[i].naive))
			continue;
		error += fabs(actual - f->row[i].median);
		naive += fabs(actual - f->row[i].naive);
		n++;
	}
	if (n > 0)
		printf("  mean absolute error of the median %.6g, of the %s naive %.6g: MASE "
		       "%.3f\n",
				error / n, o->seasons > 0 ? "seasonal" : "last value", naive / n,
				error / naive);
	else
		printf("  no row with both a forecast and a value: nothing to judge\n");
}

static void
print_statement(const struct backtest_forecast_options *o, const struct backtest_series *s,
		const struct backtest_forecasts *f)
{
	char text[LOAD_STATEMENT_TEXT_MAX];
	struct calibration_report r;
	struct calibration_score score;
	double said, came_true;
	size_t i;

	calibration_score_init(&score, o->statement.probability);
	for (i = s->first; i < s->rows; i++) {
		if (f->came_true[i] >= 0)
			calibration_score_add(&score, f->said[i], f->came_true[i], 1);
	}
	calibration_report(&score, &r);
	load_statement_format(&o->statement, text, sizeof(text));
	printf("\"%s\", judged at every row (%g s apart)\n", text, s->step_s);
	printf("  %llu statements, %llu came true\n", (unsigned long long)r.statements,
			(unsigned long long)r.came_true);
	if (r.statements == 0)
		return;
	printf("  calibration error %.4f, Brier score %.4f, Brier skill %.3f\n",
			r.calibration_error, r.brier, r.skill);
	printf("  precision %.2f and recall %.2f of those said at %g%% or more\n", r.precision,
			r.recall, 100 * o->statement.probability);
	printf("  said      came true  statements\n");
	for (i = 0; i < CALIBRATION_BINS; i++) {
		if (!(score.bin[i].weight > 0))
			continue;
		said = score.bin[i].probability / score.bin[i].weight;
		came_true = score.bin[i].outcome / score.bin[i].weight;
		printf("  %-8.3f  %-9.3f  %.0f\n", said, came_true, score.bin[i].weight);
	}
}

void
backtest_forecasts_print(const struct backtest_forecast_options *o, const struct backtest_series *s,
		const struct backtest_forecasts *f)
{
	uint32_t k;

	printf("%zu rows learnt, %zu forecasts of the %zu rows after them, up to %u ahead\n",
			s->first, f->rows, s->rows - s->first, o->horizon);
	for (k = 0; k < o->quantiles; k++)
		print_quantile(s, f, k, o->quantile[k]);
	print_error(o, s, f);
	if (f->said)
		print_statement(o, s, f);
}
