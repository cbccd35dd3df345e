#include "common/wire/config.h"

#include <catch2/catch.hpp>
