package cli

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"the release of an installation that records none, such as 4.1.0-CE":                                      "没有版本记录的部署的版本，例如 4.1.0-CE",
			"switch high availability off before and on again after":                                                  "升级前关闭高可用，升级后重新开启",
			"a step by hand that was done, such as correction-jar":                                                    "已完成的手工步骤，例如 correction-jar",
			"how many backups are kept; one in use is never removed":                                                  "保留的备份数；正在使用的备份不会被删除",
			"upgrade this OMS to the release of the image, and back":                                                  "将 OMS 升级到镜像的版本，或回退",
			"`omsinit upgrade COMMAND --help` tells more about each.":                                                 "`omsinit upgrade 子命令 --help` 显示各子命令的说明。",
			"what an upgrade would do; exit status 3 when something stands against it":                                "显示升级将要执行的操作；存在障碍时退出码为 3",
			"upgrade: back up, change the schema, start; also goes on with an upgrade that was cut (IS_UPGRADE=true)": "升级：备份、变更表结构、启动；也会继续被中断的升级（IS_UPGRADE=true）",
			"leave a failed upgrade as it is, to look first, instead of restoring the backup":                         "升级失败时保持现状以便排查，不自动恢复备份",
			"restore the backup from before the last upgrade":                                                         "恢复上次升级之前的备份",
			"do not ask": "不询问",
			"go on although projects from after the upgrade would be lost":           "即使会丢失升级之后创建的项目也继续",
			"where the recorded backup was copied to":                                "所记录的备份被复制到的目录",
			"take a backup now, beside those of upgrades or in DIR":                  "立即备份，存放在升级备份旁边或 DIR 中",
			"list the backups on this node":                                          "列出本节点上的备份",
			"compare a backup with its manifest":                                     "将备份与其清单比对",
			"also read it into databases beside the real ones, and compare the rows": "同时将备份导入旁边的临时库并比对数据",
			"the backup is whole: %d databases of OMS %v, made at %s":                "备份完整：%d 个数据库，OMS 版本 %v，创建于 %s",
		}
	})
}
