#pragma once

#include "store/database.h"

namespace postern::store {

/// delivery.db.
const Schema& delivery_schema();

}  // namespace postern::store
