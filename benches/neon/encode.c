/* Encodes as many pictures of 640x480 as its argument says: 4:2:0 planes, quality 80, as tj3CompressFromYUVPlanes8 does. For
   benches/neon/run, which counts the instructions. */
#include <stdio.h>
#include <stdlib.h>
#include <jpeglib.h>
enum { W = 640, H = 480 };
static unsigned char y[W * H], u[W * H / 4], v[W * H / 4], out[1 << 20];
int main(int argc, char **argv) {
    unsigned noise = 1;
    for (int i = 0; i < W * H; i++) {
        int x = i % W, r = i / W;
        noise = noise * 1664525u + 1013904223u;
        y[i] = 40 + ((x / 37 + r / 37) % 2 ? 0 : 40) + x * 90 / W + r * 60 / H + (noise >> 24) % 12;
        u[i / 4] = 100 + x % 50; v[i / 4] = 90 + r % 50;
    }
    unsigned long size = 0;
    for (int n = atoi(argv[1]); n > 0; n--) {
        struct jpeg_compress_struct c; struct jpeg_error_mgr e;
        c.err = jpeg_std_error(&e);
        jpeg_create_compress(&c);
        unsigned char *to = out; size = sizeof out;
        jpeg_mem_dest(&c, &to, &size);
        c.image_width = W; c.image_height = H; c.input_components = 3; c.in_color_space = JCS_YCbCr;
        jpeg_set_defaults(&c); jpeg_set_quality(&c, 80, TRUE);
        c.raw_data_in = TRUE; c.dct_method = JDCT_ISLOW;
        jpeg_start_compress(&c, TRUE);
        for (int row = 0; row < H; row += 16) {
            JSAMPROW a[16], b[8], d[8];
            for (int i = 0; i < 16; i++) a[i] = y + (row + i) * W;
            for (int i = 0; i < 8; i++) b[i] = u + (row / 2 + i) * W / 2, d[i] = v + (row / 2 + i) * W / 2;
            JSAMPARRAY all[] = {a, b, d};
            jpeg_write_raw_data(&c, all, 16);
        }
        jpeg_finish_compress(&c); jpeg_destroy_compress(&c);
    }
    fprintf(stderr, "%lu bytes\n", size);
    return 0;
}
