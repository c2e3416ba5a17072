/* Delimited text into columns of int64, by a plan that says what each column is. One pass, the first fault ends it. */
#ifndef GM_COLUMNS_H
#define GM_COLUMNS_H

#include "names.h"

#define GM_COLUMNS_MAX 512

enum gm_column_kind {
    GM_COLUMN_SKIP = 0,
    GM_COLUMN_INTEGER,      /* times unit */
    GM_COLUMN_DECIMAL,      /* times unit, exactly; an empty field is GM_NO_PRICE */
    GM_COLUMN_NAME,         /* its number */
    GM_COLUMN_ISO,          /* a date and time, ns; without a zone as if it were UTC */
    GM_COLUMN_HEX,
    GM_COLUMN_KIND_END
};
enum gm_columns_error {
    GM_COLUMNS_OK = 0, GM_COLUMNS_COUNT, GM_COLUMNS_FIELD, GM_COLUMNS_EMPTY_LINE, GM_COLUMNS_NAMES, GM_COLUMNS_QUOTED, GM_COLUMNS_ZONES
};

typedef struct gm_columns {
    uint8_t kinds[GM_COLUMNS_MAX];
    int64_t units[GM_COLUMNS_MAX];
    int32_t count;          /* columns of a line */
    int32_t kept;           /* those not skipped */
    char delimiter;
    int8_t zoned;           /* of the ISO times: -1 none seen, 0 without a zone, 1 with one */
    gm_names_t names;
} gm_columns_t;

typedef struct gm_columns_place {
    int64_t line;           /* from 1, in this text */
    int64_t column;         /* from 1; 0: the line */
    int64_t found;          /* columns */
    const char* begin;
    const char* end;
    int error;
} gm_columns_place_t;

/* Parses `lines` lines into cells[lines][kept]; 0, or -1 with `place` set. */
int gm_columns_parse(gm_columns_t* c, const char* text, size_t size, int64_t* cells, int64_t lines, gm_columns_place_t* place);

#endif
