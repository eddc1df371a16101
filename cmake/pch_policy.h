// As pch_io.h, with what else the rooms above `policy` read of the standard library. No header of
// our own: an edit of one compiles only the files that include it.
#include "pch_io.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <unordered_set>
