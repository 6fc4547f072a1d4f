package upgrade

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"the MetaDB %s belongs to OMS %s, and this image is %s: an installation must be upgraded, not initialised again; start the old image, or upgrade with the documented procedure":                                        "元信息库 %s 属于 OMS %s，而当前镜像为 %s：已有的部署需要升级，不能重新初始化；请启动旧版本镜像，或按照升级文档操作",
			"the MetaDB %s belongs to OMS %s, which is newer than this image (%s): start the image of that release":                                                                                                                "元信息库 %s 属于 OMS %s，比当前镜像（%s）更新：请启动该版本的镜像",
			"Version before 4.1.1 is not allowed to upgrade. The database %s holds an OMS installation whose release is not recorded in the table oms_version; if it is 4.1.1 or later, record it there as documented and upgrade": "4.1.1 之前的版本不允许升级（Version before 4.1.1 is not allowed to upgrade.）。数据库 %s 中已有 OMS 部署，但 oms_version 表中没有版本记录；如果其版本不低于 4.1.1，请按文档在该表中补充版本号后再升级",
			"cannot read %s of the pack: %w":                                 "无法读取版本包中的 %s：%w",
			"the table oms_version of %s records %q, which is not a version": "%s 的 oms_version 表中记录的 %q 不是版本号",
		}
	})
}
