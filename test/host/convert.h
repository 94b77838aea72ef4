/* JSON text to MessagePack and back, as much as a log record needs. */
#ifndef CONVERT_H
#define CONVERT_H

#include "buffer.h"

/* Values nested deeper than this are refused in both directions. */
#define MAX_DEPTH 512

/* Appends one JSON value, which must fill text but for blanks, as MessagePack.
 * Integers of 64 bits stay integers, other numbers become doubles; a lone
 * surrogate becomes U+FFFD. Returns 0, or -1 with out as it was. */
int json_to_msgpack(const char *text, size_t len, struct buffer *out);

/* MessagePack heads in their shortest form. */
void pack_array(struct buffer *out, size_t count);
void pack_map(struct buffer *out, size_t count);
void pack_string(struct buffer *out, const void *text, size_t len);

/* Number of bytes of the first value, or 0 if it is incomplete, too deep or
 * undefined. */
size_t msgpack_size(const unsigned char *data, size_t len);

/* Appends the value of msgpack_size bytes at data as JSON. Bytes of strings that
 * are no UTF-8 are copied. Binary is {"$bin": hex}, extensions are
 * {"$ext": type, "data": hex}, keys that are no strings are quoted JSON. */
void msgpack_to_json(const unsigned char *data, struct buffer *out);

/* If the value at data is an array of count elements, returns the offset of the
 * first, otherwise 0. */
size_t msgpack_enter_array(const unsigned char *data, size_t count);

#endif
