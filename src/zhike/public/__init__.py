"""客户页面 Public: the pages that customers see (unsubscribe, surveys, short links). Nothing is served yet."""
