#pragma once

#include "cli/commands.h"

namespace postern::app {

/// `postern queue list`.
int run_queue_list(const Arguments& arguments, Streams& streams);
/// `postern queue show`.
int run_queue_show(const Arguments& arguments, Streams& streams);
/// `postern queue retry`.
int run_queue_retry(const Arguments& arguments, Streams& streams);
/// `postern queue hold`.
int run_queue_hold(const Arguments& arguments, Streams& streams);
/// `postern queue release`.
int run_queue_release(const Arguments& arguments, Streams& streams);
/// `postern queue drop`.
int run_queue_drop(const Arguments& arguments, Streams& streams);
/// `postern queue verify`.
int run_queue_verify(const Arguments& arguments, Streams& streams);
/// `postern queue destinations`.
int run_queue_destinations(const Arguments& arguments, Streams& streams);
/// `postern queue simulate`.
int run_queue_simulate(const Arguments& arguments, Streams& streams);

}  // namespace postern::app
