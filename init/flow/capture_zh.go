package flow

import "omsinit/internal/msg"

func init() {
	msg.Register(func() map[string]string {
		return map[string]string{
			"it is not known which of cm_nodes the installation of %s is: set OMS_HOST_IP to its address, and for the second one --compare-host-ip": "无法得知 %s 对应的安装是 cm_nodes 中的哪个节点：请将 OMS_HOST_IP 设为其地址，第二套安装则使用 --compare-host-ip",
			"the MetaDB of the second installation does not answer, so rows of settings are not compared: %v":                                       "第二套安装的元信息库没有应答，因此不对比配置数据：%v",
			"the program files cannot be used, so none is captured: %v":                                                                             "程序定义文件不可用，因此不采集：%v",
		}
	})
}
