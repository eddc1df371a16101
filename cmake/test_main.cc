// main() of every unit-test program. Paths in the tests are relative to the source folder.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

int main(int argc, char** argv) {
  if (::chdir(POSTERN_SOURCE_DIR) != 0) {
    std::perror("chdir " POSTERN_SOURCE_DIR);
    return 1;
  }
  // No test connects to a host that the system's roots vouch for. To load them takes up to a tenth
  // of a second for each TLS context.
  if (::setenv("SSL_CERT_FILE", "/dev/null", 0) != 0) return 1;
  // As the gateway does: TLS writes to a connection that the other side has closed.
  std::signal(SIGPIPE, SIG_IGN);
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
