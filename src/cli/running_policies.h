// What the gateway of a data directory decides with, besides its file: the database with accounts'
// policies, and the lists that were set through the API.
#pragma once

#include "cli/live_data.h"
#include "config/config.h"
#include "store/store.h"

namespace postern::app {

/// Opens the database of the configuration: the cluster's, or that of the data directory. Errors
/// are those of the store, and of LiveData::borrow_control(). Blocks.
Result<LiveData::Control> open_control(const Config& config);
/// Applies the lists that were set through the API, if they are in force; returns whether they are.
/// Fault::malformed: they cannot be read. Blocks.
Result<bool> take_running_lists(Config& config, store::Store& store);

}  // namespace postern::app
