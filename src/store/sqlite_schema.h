#pragma once

#include "store/database.h"

namespace postern::store {

/// postern.db.
const Schema& control_schema();

}  // namespace postern::store
