# As much of Buildroot as the external tree's makefiles need, to run their hooks on packages made up
# for it: make -f board/lib/buildroot.mk OUTPUT=FOLDER BR2_EXTERNAL_APUS_PATH=… CONFIG=FILE
#
# Three things are Buildroot's contract: a package's hooks and instrumentation run after it is
# installed, TARGET_FINALIZE_HOOKS after all of them, ROOTFS_PRE_CMD_HOOKS after the overlays.

include $(CONFIG)

TARGET_DIR = $(OUTPUT)/target
HOST_DIR = $(OUTPUT)/host
INSTALL = install
HOSTARCH = $(shell uname -m)
comma := ,
define sep


endef
qstrip = $(strip $(subst ",,$(1)))
#"))
UPPERCASE = $(shell printf %s '$(1)' | tr a-z- A-Z_)
KCONFIG_ENABLE_OPT = echo '$(1)=y' >> $(OUTPUT)/fixups
KCONFIG_DISABLE_OPT = echo '$(1)=n' >> $(OUTPUT)/fixups
SYSTEM_GETTY_PORT = $(call qstrip,$(BR2_TARGET_GENERIC_GETTY_PORT))
SYSTEM_GETTY_BAUDRATE = 115200
SYSTEM_GETTY_TERM = vt100
SYSTEM_GETTY_OPTIONS = -i -n

# Usage: $(call package,NAME,PREFIX)
define package
PACKAGES += $(1)
$(2)_NAME = $(1)
.PHONY: $(1)
$(1): $(OUTPUT)/build/$(1)/.stamp_target_installed
$(OUTPUT)/build/$(1)/.stamp_target_installed: PKG = $(2)
$(OUTPUT)/build/$(1)/.stamp_target_installed: $$($(2)_DEPENDENCIES)
	$$($(2)_INSTALL_TARGET_CMDS)
	$$(foreach hook,$$($(2)_POST_INSTALL_TARGET_HOOKS),$$(call $$(hook))$$(sep))
	$$(foreach hook,$$(GLOBAL_INSTRUMENTATION_HOOKS),$$(call $$(hook),end,install-target,$(1))$$(sep))
TARGET_FINALIZE_HOOKS += $$($(2)_TARGET_FINALIZE_HOOKS)
ROOTFS_PRE_CMD_HOOKS += $$($(2)_ROOTFS_PRE_CMD_HOOKS)
PACKAGES_USERS += $$($(2)_USERS)$$(sep)
LINUX_FIXUPS += $$($(2)_LINUX_CONFIG_FIXUPS)$$(sep)
BUSYBOX_FIXUPS += $$($(2)_BUSYBOX_CONFIG_FIXUPS)$$(sep)
endef
name = $(lastword $(subst /, ,$(dir $(lastword $(MAKEFILE_LIST)))))
generic-package = $(call package,$(name),$(call UPPERCASE,$(name)))
host-generic-package =

# Packages whose start scripts stand for the kinds there are: $(call scripted,NAME,SCRIPT)
define scripted
define $(call UPPERCASE,$(1))_INSTALL_INIT_SYSV
	install -d $$(TARGET_DIR)/etc/init.d
	printf '#!/bin/sh\n' > $$(TARGET_DIR)/etc/init.d/$(2)
	chmod +x $$(TARGET_DIR)/etc/init.d/$(2)
endef
$(call package,$(1),$(call UPPERCASE,$(1)))
endef

host-apus host-libcap libcap skeleton-init-common:
.PHONY: host-apus host-libcap libcap skeleton-init-common finalize rootfs users fixups

$(eval $(call scripted,busybox,S01syslogd))
$(eval $(call scripted,dropbear,S50dropbear))
$(eval $(call scripted,ifupdown-scripts,S40network))
$(eval $(call scripted,of-others,S60of-others))
$(eval $(call scripted,of-another-tree,S61of-another-tree))
IFUPDOWN_SCRIPTS_PREAMBLE = install -d $(TARGET_DIR)/etc/network; : > $(TARGET_DIR)/etc/network/interfaces
define OF_ANOTHER_TREE_INSTALL_INIT_APUS
	install -d $(TARGET_DIR)/etc/apus.d
	echo '{ "apus": 1 }' > $(TARGET_DIR)/etc/apus.d/50-of-another-tree.json
endef

include $(BR2_EXTERNAL_APUS_PATH)/external.mk

# Read after ours, as another external tree may be.
$(eval $(call scripted,late,S05late.sh))

finalize: $(PACKAGES)
	$(foreach hook,$(TARGET_FINALIZE_HOOKS),$($(hook))$(sep))

rootfs:
	$(foreach hook,$(ROOTFS_PRE_CMD_HOOKS),$($(hook))$(sep))

users:
	$(info $(PACKAGES_USERS))

fixups:
	$(LINUX_FIXUPS)
	$(BUSYBOX_FIXUPS)
