// Times OpenBLAS's sgemm, y[m][n] = x[m][k] * w[n][k]^T, for BenchmarkGEMMvsOpenBLAS.
// Usage: openblas m k n threads seconds; prints the best GFLOP/s seen.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void cblas_sgemm(int order, int transA, int transB, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc);
void openblas_set_num_threads(int threads);
char *openblas_get_corename(void);

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + 1e-9 * t.tv_nsec;
}

static float *numbers(size_t n) {
	float *x = malloc(n * sizeof *x);
	for (size_t i = 0; i < n; i++)
		x[i] = (float)((i * 2654435761u) % 1000) / 1000 - 0.5f;
	return x;
}

int main(int argc, char **argv) {
	if (argc != 6)
		return 2;
	int m = atoi(argv[1]), k = atoi(argv[2]), n = atoi(argv[3]);
	float *x = numbers((size_t)m * k), *w = numbers((size_t)n * k), *y = numbers((size_t)m * n);
	double flops = 2.0 * m * k * n, best = 0, start = now();
	enum { RowMajor = 101, NoTrans = 111, Trans = 112 };
	openblas_set_num_threads(atoi(argv[4]));
	for (int run = 0; run < 5 || now() - start < atof(argv[5]); run++) {
		double t = now();
		cblas_sgemm(RowMajor, NoTrans, Trans, m, n, k, 1, x, k, w, k, 0, y, n);
		t = now() - t;
		if (flops / t / 1e9 > best)
			best = flops / t / 1e9;
	}
	printf("%g %s\n", best, openblas_get_corename());
	return 0;
}
