create table users (email text primary key, password text);
insert into users values ('ann@sender.example', 'tiger');
