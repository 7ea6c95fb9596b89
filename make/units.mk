# SPDX-License-Identifier: GPL-2.0-or-later
# units.mk: `make units` and `make results` for a repository with recipes (workunit-mk(5)):
#
#     UNITS := sir.lua
#     include $(shell pkg-config --variable=mk workunit)

ifndef WUC
WUC := $(shell pkg-config --variable=wuc workunit)
endif
ifndef WURUN
WURUN := $(shell pkg-config --variable=wurun workunit)
endif
UNITS ?= $(wildcard *.lua)
UNITS_DIR ?= units
RESULTS_DIR ?= results
WUCFLAGS ?=
WURUNFLAGS ?=

# Folders of the results of one unit's instances, by its name; in the sweep's own ids, so
# that what an older sweep left behind is not among them. For recipes of rules that have
# $(RESULTS_DIR)/NAME/.stamp or `results` as prerequisite.
unit-results = $(patsubst $(UNITS_DIR)/$(1)/params/%.iso,$(RESULTS_DIR)/$(1)/%,$(wildcard \
	$(UNITS_DIR)/$(1)/params/*.iso))

# make's own -j, where it names a number.
workunit-jobs = $(addprefix -j ,$(firstword $(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS)))))
workunit-names := $(basename $(notdir $(UNITS)))

.PHONY: units results clean-units clean-results
units: $(workunit-names:%=$(UNITS_DIR)/%/unit.json)
results: $(workunit-names:%=$(RESULTS_DIR)/%/.stamp)

# $(1): the unit's name, $(2): its recipe. The depfile adds what the recipe reads. A newer
# wuc looks at the unit again, and keeps what would come out the same.
define workunit-rules
$(UNITS_DIR)/$(1)/unit.json: $(2) $(wildcard $(WUC))
	@mkdir -p $(UNITS_DIR) $(RESULTS_DIR)
	$(WUC) build $(2) -o $(UNITS_DIR)/$(1) -MD -MP -MF $(UNITS_DIR)/$(1).d -MT $$@ $(WUCFLAGS)

# One wurun at a time: each has as many guests at once as this make has jobs.
$(RESULTS_DIR)/$(1)/.stamp: $(UNITS_DIR)/$(1)/unit.json
	@mkdir -p $(RESULTS_DIR)/$(1)
	flock --no-fork $(RESULTS_DIR)/.lock $(WURUN) run $(UNITS_DIR)/$(1) -o $(RESULTS_DIR)/$(1) \
		$$(workunit-jobs) $(WURUNFLAGS)
	@touch $$@

-include $(UNITS_DIR)/$(1).d
endef

$(foreach recipe,$(UNITS),$(eval $(call workunit-rules,$(basename $(notdir $(recipe))),$(recipe))))

clean-units:
	rm -rf $(workunit-names:%=$(UNITS_DIR)/%) $(workunit-names:%=$(UNITS_DIR)/%.d)

clean-results:
	rm -rf $(workunit-names:%=$(RESULTS_DIR)/%)
