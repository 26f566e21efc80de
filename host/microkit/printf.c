/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snprintf over picolibc's formatter. Picolibc's own has variadic entries that save the vector
 * registers, and this protection domain has none: the guest's stay in the CPU while it runs.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

/* A stream into a string; `file` first, so that a pointer to it is one to the whole. */
struct string {
    FILE file;
    char *at;
    size_t left; /* Without the NUL. */
};

static int put(char c, FILE *file)
{
    struct string *s = (struct string *)(void *)file;

    if (s->left != 0) {
        s->left--;
        *s->at++ = c;
    }
    return (unsigned char)c;
}

int vsnprintf(char *text, size_t size, const char *format, va_list arguments)
{
    struct string s = {
        .file = FDEV_SETUP_STREAM(put, NULL, NULL, _FDEV_SETUP_WRITE),
        .at = text,
        .left = size == 0 ? 0 : size - 1,
    };
    int length = vfprintf(&s.file, format, arguments);

    if (size != 0) {
        *s.at = '\0';
    }
    return length;
}

int snprintf(char *text, size_t size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(text, size, format, arguments);

    va_end(arguments);
    return length;
}
