#include "cli/run.h"

int main(int argc, char** argv) { return postern::app::run(argc, argv); }
