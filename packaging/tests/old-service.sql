-- The tables of a Node.js service, as `import node` finds them on the machine of packaging/tests/evening.
CREATE DATABASE shop;
CREATE USER reader@'%' IDENTIFIED BY 'password';
GRANT SELECT ON shop.* TO reader@'%';
USE shop;
CREATE TABLE chat_threads (id INT AUTO_INCREMENT PRIMARY KEY, user1_id INT, user2_id INT);
INSERT INTO chat_threads VALUES (10, 1, 2), (11, 3, 1);
CREATE TABLE chat_messages (id INT AUTO_INCREMENT PRIMARY KEY, thread_id INT, sender_id INT, content TEXT NULL, image_urls JSON NULL,
    seen TINYINT(1) DEFAULT 0, deleted TINYINT(1) DEFAULT 0, product_id INT NULL, created_at DATETIME);
INSERT INTO chat_messages VALUES
    (101, 10, 1, 'Is it still available?', NULL, 1, 0, 55, '2024-03-01 10:00:00'),
    (102, 10, 2, 'It is, look:', '["/uploads/chat/desk.webp"]', 1, 0, NULL, '2024-03-01 10:01:00'),
    (103, 11, 3, 'Good evening', NULL, 0, 0, NULL, '2024-03-01 10:02:00');
CREATE TABLE notifications (id INT PRIMARY KEY, user_id INT, type VARCHAR(50), title VARCHAR(200), body TEXT, is_read TINYINT(1),
    created_at DATETIME);
INSERT INTO notifications VALUES (31, 2, 'order', 'Shipped', 'Order 17 is on its way', 0, '2024-03-01 09:00:00');
