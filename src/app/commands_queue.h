#pragma once

#include "app/commands.h"

namespace postern::app {

int run_queue_list(const Arguments& arguments, Streams& streams);
int run_queue_show(const Arguments& arguments, Streams& streams);
int run_queue_retry(const Arguments& arguments, Streams& streams);
int run_queue_hold(const Arguments& arguments, Streams& streams);
int run_queue_release(const Arguments& arguments, Streams& streams);
int run_queue_drop(const Arguments& arguments, Streams& streams);
int run_queue_verify(const Arguments& arguments, Streams& streams);
int run_queue_destinations(const Arguments& arguments, Streams& streams);
int run_queue_simulate(const Arguments& arguments, Streams& streams);

}  // namespace postern::app
