#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MIN(a, b) ((a) < (b) ? (a) : (b))

struct buffer {
	char *data;
	size_t length, capacity;
};

static int grow(struct buffer *buffer, size_t wanted)
{
	if (wanted <= buffer->capacity)
		return 0;
	size_t capacity = buffer->capacity ? buffer->capacity * 2 : 16;
	while (capacity < wanted)
		capacity *= 2;
	char *data = realloc(buffer->data, capacity);
	if (!data)
		return -1;
	buffer->data = data;
	buffer->capacity = capacity;
	return 0;
}

/* appends a text; -1 when there is no memory */
int append(struct buffer *buffer, const char *text)
{
	size_t length = strlen(text);
	if (grow(buffer, buffer->length + length + 1))
		goto fail;
	memcpy(buffer->data + buffer->length, text, length + 1);
	buffer->length += length;
	return 0;
fail:
	buffer->length = 0;
	return -1;
}

unsigned long hash(const unsigned char *text)
{
	unsigned long found = 5381;
	int letter;
	while ((letter = *text++)) {
		found = ((found << 5) + found) + (unsigned long)letter;
	}
	return found;
}

char *trim(char *text)
{
	while (isspace((unsigned char)*text))
		text++;
#ifdef KEEP_END
	return text;
#else
	char *end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text;
#endif
}
