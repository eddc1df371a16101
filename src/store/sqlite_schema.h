#pragma once

#include "store/database.h"

namespace postern::store {

/// The schema of postern.db.
const Schema& control_schema();

}  // namespace postern::store
