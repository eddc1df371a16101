// As pch_policy.h, for tests.
#include "pch_policy.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
