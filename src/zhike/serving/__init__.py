"""在线服务 Serving: the hot routes (event intake, decide), in a process of their own. Nothing is served yet."""
